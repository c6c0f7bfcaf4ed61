// Sound at another speed, and sound in another key. Nothing here knows the page.

// Change the key and keep the speed: a phase vocoder that moves each peak of the spectrum, with what
// belongs to it, and turns its phase as the new frequency asks. Two channels are turned alike, so
// that the image between them stays.
// J. Laroche, M. Dolson: New phase-vocoder techniques for pitch-shifting, WASPAA 1999.
class PitchShifter {
  static SIZE = 4096;    // samples of a frame, and by which the sound is late
  static HOP = 512;

  constructor(ratio) {
    const size = PitchShifter.SIZE;
    this.ratio = ratio;  // of the new frequencies to the old ones
    this.count = 0;      // samples since the last frame
    const buffers = (count) => Array.from({ length: count }, () => new Float32Array(size));
    [this.inLeft, this.inRight, this.outLeft, this.outRight] = buffers(4);
    [this.real, this.imag, this.newReal, this.newImag] = buffers(4);
    this.power = new Float32Array(size / 2 + 1);
    [this.turn, this.turned] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)];
    this.window = Float32Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos(2 * Math.PI * n / size));
    this.cos = Float64Array.from({ length: size / 2 }, (_, n) => Math.cos(2 * Math.PI * n / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, n) => Math.sin(2 * Math.PI * n / size));
  }

  // Change two channels in place.
  process(left, right) {
    const [size, hop] = [PitchShifter.SIZE, PitchShifter.HOP];
    for (let i = 0; i < left.length; i++) {
      const place = size - hop + this.count;
      this.inLeft[place] = left[i];
      this.inRight[place] = right[i];
      left[i] = this.outLeft[this.count];
      right[i] = this.outRight[this.count];
      if (++this.count === hop) {
        this.count = 0;
        this.frame();
      }
    }
  }

  frame() {
    const [size, hop] = [PitchShifter.SIZE, PitchShifter.HOP];
    const { real, imag, newReal, newImag, window } = this;
    for (let n = 0; n < size; n++) {  // both channels in one transform
      real[n] = this.inLeft[n] * window[n];
      imag[n] = this.inRight[n] * window[n];
    }
    this.transform(real, imag, 1);
    newReal.fill(0);
    newImag.fill(0);
    this.movePeaks();
    this.transform(newReal, newImag, -1);
    for (const buffer of [this.inLeft, this.inRight]) buffer.copyWithin(0, hop);
    const scale = 1 / (size * 0.375 * size / hop);  // of the sum of squared windows
    for (const [out, made] of [[this.outLeft, newReal], [this.outRight, newImag]]) {
      out.copyWithin(0, hop);
      out.fill(0, size - hop);
      for (let n = 0; n < size; n++) out[n] += scale * window[n] * made[n];
    }
  }

  movePeaks() {
    const [half, { power, real, imag }] = [PitchShifter.SIZE / 2, this];
    for (let k = 0; k <= half; k++) {  // twice the power of both channels
      const [a, b] = [k, (PitchShifter.SIZE - k) % PitchShifter.SIZE];
      power[k] = real[a] ** 2 + imag[a] ** 2 + real[b] ** 2 + imag[b] ** 2;
    }
    const isPeak = (k) => power[k] > power[k - 1] && power[k] >= power[k + 1]
      && power[k] > (power[k - 2] ?? 0) && power[k] >= (power[k + 2] ?? 0);
    let [peak, first] = [0, 0];
    for (let next = 1; next <= half; next++) {
      const isEnd = next === half;
      if (!isEnd && !isPeak(next)) continue;
      let border = half + 1;  // what lies between two peaks belongs to either up to the softest bin
      if (!isEnd) {
        border = peak + 1;
        for (let k = border; k <= next; k++) if (power[k] < power[border]) border = k;
      }
      if (peak) this.move(peak, first, border);
      [first, peak] = [peak ? border : 0, next];
    }
    [this.turn, this.turned] = [this.turned, this.turn];
  }

  // Move the bins of a peak, from first to end.
  move(peak, first, end) {
    const [size, half, { power, real, imag, newReal, newImag }] = [PitchShifter.SIZE, PitchShifter.SIZE / 2, this];
    const [before, at, after] = [peak - 1, peak, peak + 1].map((k) => Math.log(power[k] + 1e-30));
    const bend = before - 2 * at + after;
    const exact = peak + (bend < 0 ? Math.min(Math.max(0.5 * (before - after) / bend, -0.5), 0.5) : 0);
    const shift = (this.ratio - 1) * exact;  // in bins
    const angle = this.turn[peak] + 2 * Math.PI * shift * PitchShifter.HOP / size;
    this.turned.fill(angle % (2 * Math.PI), first, end);
    const by = Math.round(shift);
    const level = 1 / PitchShifter.response(shift - by);
    const [c, s] = [level * Math.cos(angle), level * Math.sin(angle)];
    for (let k = Math.max(first, 1, 1 - by); k < Math.min(end, half, half - by); k++) {
      const [mirror, to, toMirror] = [size - k, k + by, size - k - by];
      // With z = left + i right, the turn of a negative frequency is the opposite one.
      newReal[to] += c * real[k] - s * imag[k];
      newImag[to] += s * real[k] + c * imag[k];
      newReal[toMirror] += c * real[mirror] + s * imag[mirror];
      newImag[toMirror] += c * imag[mirror] - s * real[mirror];
    }
  }

  // What is left of a tone whose bins were moved by a fraction of a bin too little: the transform
  // of the squared window.
  static response(fraction) {
    const sinc = (x) => (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1);
    const pair = (distance) => sinc(fraction - distance) + sinc(fraction + distance);
    return sinc(fraction) + pair(1) * 2 / 3 + pair(2) / 6;
  }

  // The discrete Fourier transform in place; with sign -1 its inverse times the size.
  transform(real, imag, sign) {
    const size = PitchShifter.SIZE;
    for (let i = 1, j = 0; i < size; i++) {
      let bit = size >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [real[i], real[j]] = [real[j], real[i]];
        [imag[i], imag[j]] = [imag[j], imag[i]];
      }
    }
    for (let length = 2; length <= size; length *= 2) {
      const [middle, step] = [length / 2, size / length];
      for (let start = 0; start < size; start += length) {
        for (let n = 0; n < middle; n++) {
          const [a, b] = [start + n, start + n + middle];
          const [c, s] = [this.cos[n * step], -sign * this.sin[n * step]];
          const [x, y] = [real[b] * c - imag[b] * s, real[b] * s + imag[b] * c];
          real[b] = real[a] - x;
          imag[b] = imag[a] - y;
          real[a] += x;
          imag[a] += y;
        }
      }
    }
  }
}

// Change the speed, and with it the key: a windowed sinc for each of the hundred places between two
// samples that a whole percentage needs. Samples arrive in parts.
class Resampler {
  constructor(percent) {
    this.percent = percent;
    const cutoff = 0.97 * Math.min(1, 100 / percent);
    const reach = Math.ceil(16 / cutoff);  // samples on either side
    this.reach = reach;
    this.filters = Array.from({ length: 100 }, (_, place) => {
      const taps = Float64Array.from({ length: 2 * reach }, (_, n) => {
        const x = n - reach + 1 - place / 100;
        const sinc = x ? Math.sin(Math.PI * cutoff * x) / (Math.PI * x) : cutoff;
        return sinc * Math.cos(Math.PI * x / (2 * reach + 2)) ** 2;
      });
      const sum = taps.reduce((a, b) => a + b);
      return Float32Array.from(taps, (tap) => tap / sum);
    });
    this.held = new Float32Array(reach - 1);  // zeros stand before the first sample
    this.first = 1 - reach;                   // the sample of the sound that is the first one held
    this.made = 0;
  }

  push(samples) {
    const data = new Float32Array(this.held.length + samples.length);
    data.set(this.held);
    data.set(samples, this.held.length);
    const { percent, reach } = this;
    const end = this.first + data.length;
    const count = Math.max(0, Math.ceil((end - reach) * 100 / percent) - this.made);
    const result = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const place = (this.made + i) * percent;
      const filter = this.filters[place % 100];
      const from = Math.floor(place / 100) - reach + 1 - this.first;
      let sum = 0;
      for (let n = 0; n < filter.length; n++) sum += filter[n] * data[from + n];
      result[i] = sum;
    }
    this.made += count;
    const kept = Math.max(0, Math.floor(this.made * percent / 100) - reach + 1 - this.first);
    this.held = data.slice(kept);
    this.first += kept;
    return result;
  }
}

"""Files on this machine: folders, temporary files, files that appear only when complete."""

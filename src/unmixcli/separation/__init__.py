"""A recording in, stems out: the order, the plan, one recording and many."""

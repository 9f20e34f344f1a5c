"""Files of measurements: read by blocks, checked, and put into order by point in bounded memory."""

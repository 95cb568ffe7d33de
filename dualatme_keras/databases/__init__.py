"""From what is on the disk, or made up, to clips."""

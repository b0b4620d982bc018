"""pgTAP: find it, install it, run a file, judge what it wrote."""

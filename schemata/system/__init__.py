"""What the operating system gives: processes, signals, locks of files, directories replaced whole."""

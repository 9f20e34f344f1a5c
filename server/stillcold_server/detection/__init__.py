"""Running the detectors over what is stored, and over files: the same code for both."""

"""Chinese and English: the words of the console and of the messages to officers."""

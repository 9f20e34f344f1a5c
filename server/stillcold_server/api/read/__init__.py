"""What the database says, as the API and the console show it."""

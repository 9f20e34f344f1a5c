"""What officers see: pages made on the server, kept up to date in the browser."""

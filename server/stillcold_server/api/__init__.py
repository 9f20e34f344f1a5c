"""What programs see: the REST API, its errors, who may call it, and the application that holds it all."""

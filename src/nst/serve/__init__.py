"""`nst serve`: a page to paint in. The server itself imports no torch; what needs it runs in processes of its own."""

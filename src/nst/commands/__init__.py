"""What can be typed: `nst`, and one module for each word that may follow it. Heavy imports come when it runs."""

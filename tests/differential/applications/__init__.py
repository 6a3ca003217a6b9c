"""Small web applications, the same on Whirlwind and on Tornado, and requests to them."""

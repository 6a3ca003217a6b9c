"""Other people's applications on Whirlwind, in the environments that ``make apps`` makes."""

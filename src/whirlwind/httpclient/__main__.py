"""``python -m whirlwind.httpclient URL...``"""

from whirlwind.httpclient import main

main()

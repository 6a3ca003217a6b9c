"""``python -m whirlwind.curl_httpclient URL...``"""

from whirlwind.curl_httpclient import CurlAsyncHTTPClient
from whirlwind.httpclient import AsyncHTTPClient, main

AsyncHTTPClient.configure(CurlAsyncHTTPClient)
main()

"""``python -m whirlwind.httpclient URL...``: print what the URLs hold."""

from __future__ import annotations

from whirlwind._public import claim
from whirlwind.escape import native_str
from whirlwind.httpclient.client import HTTPClient
from whirlwind.httpclient.response import HTTPClientError


def main() -> None:
    """Fetch the URLs of the command line and print them."""
    from whirlwind.options import define, options, parse_command_line

    define("print_headers", type=bool, default=False)
    define("print_body", type=bool, default=True)
    define("follow_redirects", type=bool, default=True)
    define("validate_cert", type=bool, default=True)
    define("proxy_host", type=str)
    define("proxy_port", type=int)
    urls = parse_command_line()
    client = HTTPClient()
    try:
        for url in urls:
            try:
                response = client.fetch(
                    url,
                    follow_redirects=options.follow_redirects,
                    validate_cert=options.validate_cert,
                    proxy_host=options.proxy_host,
                    proxy_port=options.proxy_port,
                )
            except HTTPClientError as error:
                if error.response is None:
                    raise
                response = error.response
            if options.print_headers:
                print(response.headers)
            if options.print_body:
                print(native_str(response.body))
    finally:
        client.close()


claim("whirlwind.httpclient", main)

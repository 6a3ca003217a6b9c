"""``python -m whirlwind.httpclient URL...``: print what the URLs hold."""

from __future__ import annotations

import sys

from whirlwind._public import claim
from whirlwind.httpclient.client import HTTPClient
from whirlwind.httpclient.response import HTTPClientError, HTTPResponse


def main() -> None:
    """Fetch the URLs of the command line and print them.

    :raises SystemExit: an argument is wrong, or a URL had no response.
    """
    from whirlwind.options import Error, define, options, parse_command_line

    define("print_headers", type=bool, default=False)
    define("print_body", type=bool, default=True)
    define("follow_redirects", type=bool, default=True)
    define("validate_cert", type=bool, default=True)
    define("proxy_host", type=str)
    define("proxy_port", type=int)
    try:
        urls = parse_command_line()
    except Error as error:
        sys.exit(f"whirlwind.httpclient: {error}")
    if not urls:
        sys.exit("usage: python -m whirlwind.httpclient [options] URL...; --help lists the options")
    late = [url for url in urls if url.startswith("-")]
    if late:
        sys.exit(f"whirlwind.httpclient: options come before the URLs: {' '.join(late)}")
    failed = False
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
            except (HTTPClientError, OSError, ValueError) as error:
                if not isinstance(error, HTTPClientError) or error.response is None:
                    print(f"{url}: {error}", file=sys.stderr)
                    failed = True
                    continue
                response = error.response
            if options.print_headers:
                print(response.headers)
            if options.print_body:
                _print_body(response)
    finally:
        client.close()
    if failed:
        sys.exit(1)


def _print_body(response: HTTPResponse) -> None:
    try:
        print(response.body.decode())
    except UnicodeDecodeError:
        sys.stdout.flush()
        sys.stdout.buffer.write(response.body)


claim("whirlwind.httpclient", main)

#!/bin/sh
# nginx with one worker, answering the same bytes from its configuration: the limit to compare with.
# usage: nginx.sh PORT
set -e
folder=$(mktemp -d)
here=$(cd "$(dirname "$0")" && pwd)
# As root, nginx would read the files as another user, who may not reach them.
user=$([ "$(id -u)" = 0 ] && echo "user root;" || true)
cat > "$folder/nginx.conf" <<CONF
$user
worker_processes 1; daemon off; master_process off; error_log $folder/error.log; pid $folder/pid;
events { worker_connections 16384; }
http {
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000;
  client_body_temp_path $folder; proxy_temp_path $folder; fastcgi_temp_path $folder;
  uwsgi_temp_path $folder; scgi_temp_path $folder;
  server {
    listen 127.0.0.1:$1;
    location = / { default_type text/plain; return 200 "Hello, World!"; }
    location /item/ { default_type application/json; return 200 '{"id": "abc", "q": "one two"}'; }
    location /static/ { root $here; }
  }
}
CONF
exec nginx -c "$folder/nginx.conf"

"""nginx answering a constant: what this machine can do at all, with nobody thinking about the request."""

from contextlib import AbstractContextManager

from benchmarks.cases import Inputs, RequestFormat, Served
from benchmarks.environment import program
from benchmarks.peers.target import Endpoint, Start, Target, process_target

REPLY = b'{"query_id":1,"output":1.0,"default":false}'
CONFIG = """
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 '{reply}'; }}
    }}
}}
"""


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    nginx = program("nginx")

    def command(port: int) -> list[str]:
        config = start.folder / "nginx.conf"
        config.write_text(CONFIG.format(port=port, reply=REPLY.decode()))
        return [nginx, "-p", str(start.folder), "-c", str(config), "-e", "stderr"]

    return process_target(start, command, RequestFormat("/predict"), answers)


def answers(_model: Served, reply: bytes) -> bool:
    return reply == REPLY


TARGET = Target(
    name="nginx",
    title="nginx, a constant",
    serve=serve,
    batches=False,
    inputs=(Inputs.DIFFERENT, Inputs.SAME),
    by_wrk=True,
)

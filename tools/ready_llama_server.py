"""The command `llama-server`, as far as tests use it, on llama.cpp's own server in the package `xllamacpp`.

Runs in the environment that `tools.llama_server` makes; that is why it imports what this repository does not know.
"""

import argparse
import signal
import sys

import xllamacpp


def main() -> None:
    """Serve a model until a signal ends the process."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model", "-m", required=True)
    parser.add_argument("--alias", "-a", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ctx-size", "-c", type=int, default=4096)
    parser.add_argument("--parallel", "-np", type=int, default=1)
    parser.add_argument("--threads", "-t", type=int, default=1)
    parser.add_argument("--jinja", action="store_true")
    given = parser.parse_args()

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = given.model, {given.alias}
    params.hostnames, params.port, params.api_keys = [given.host], given.port, [given.api_key]
    params.n_ctx, params.n_parallel, params.use_jinja = given.ctx_size, given.parallel, given.jinja
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stderr.write(f"listening on {server.listening_address}\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

"""A relay that holds the bytes of whole requests and answers: it stands behind the tablet's TLS, not beside it.

    with Relay(centre) as relay:
        relay.lead(tablet)
        tablet("sync")
        relay.requests, relay.answers    # the bodies, as they travelled
"""
import http.client
import http.server
import ssl
import threading

ENVELOPE = "application/vnd.doorstep.envelope"


class Relay:
    """Stands between a tablet and its centre with the centre's own certificate, so that it holds whole requests.

    times:  how often each request is handed to the centre; the tablet gets the last answer.
    answer: given instead of the centre's, once.
    """

    def __init__(self, centre):
        self.centre, self.times, self.answer = centre, 1, None
        self.requests, self.answers = [], []
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = relay.ask(relay.body(self))
                self.send_response(200)
                self.send_header("Content-Type", ENVELOPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        keys = centre.folder / "keys"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "centre.pem", keys / "centre.key")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.trust = ssl.create_default_context(cafile=keys / "ca.pem")
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def lead(self, tablet):
        """From now on this tablet comes here."""
        url = f"https://127.0.0.1:{self.http.server_address[1]}"
        tablet.sql(f"UPDATE ds_meta SET value = CAST('{url}' AS BLOB) WHERE key = 'url'")

    @staticmethod
    def body(handler):
        if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
            return handler.rfile.read(int(handler.headers["Content-Length"]))
        pieces = []
        while (size := int(handler.rfile.readline().split(b";")[0], 16)) > 0:
            pieces.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        return b"".join(pieces)

    def send(self, body):
        """Hand these bytes to the centre; returns its answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.centre.port, context=self.trust, timeout=60)
        try:
            connection.request("POST", "/v1/sync", body, {"Content-Type": ENVELOPE})
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, (response.status, answer)
            return answer
        finally:
            connection.close()

    def ask(self, body):
        self.requests.append(body)
        for _ in range(self.times):
            self.answers.append(self.send(body))
        answer, self.answer = self.answer or self.answers[-1], None
        return answer

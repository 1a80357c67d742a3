"""A proxy that ends the tablet's TLS with the centre's own certificate and begins its own to the centre, so that what
is said can be seen: how many bytes are bodies, and how many are HTTP's lines, headers and chunks around them."""
import select
import socket
import ssl
import threading


def split_up(data):
    """Bodies of the requests in what a tablet said; the rest is HTTP's."""
    bodies = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" not in head.lower():
            bodies.append(b"")
            continue
        body = b""
        while True:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            body, data = body + data[:length], data[length + 2:]
            if length == 0:
                break
        bodies.append(body)
    return bodies


def split_down(data):
    bodies = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        bodies.append(data[:length])
        data = data[length:]
    return bodies


class Glass:
    """Listens on loopback; take() gives what passed since the last take, as two lists of bodies and HTTP's bytes."""

    def __init__(self, centre_port, keys):
        self.target, self.lock, self.talks = centre_port, threading.Lock(), []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(keys / "centre.pem", keys / "centre.key")
        self.blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.blind.check_hostname, self.blind.verify_mode = False, ssl.CERT_NONE
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def take(self):
        with self.lock:
            talks, self.talks = self.talks, []
        up, down = b"".join(t[0] for t in talks), b"".join(t[1] for t in talks)
        bodies = split_up(up), split_down(down)
        return bodies, (len(up) - sum(map(len, bodies[0])), len(down) - sum(map(len, bodies[1])))

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        talk = [bytearray(), bytearray()]
        with self.lock:
            self.talks.append(talk)
        try:
            near = self.context.wrap_socket(near, server_side=True)
            far = self.blind.wrap_socket(socket.create_connection(("127.0.0.1", self.target)))
        except OSError:
            return
        near.setblocking(False)
        far.setblocking(False)
        ways = {near: (far, talk[0]), far: (near, talk[1])}
        try:
            while True:
                for source in select.select(list(ways), [], [])[0]:
                    self._pass(source, *ways[source])
        except (OSError, EOFError):
            pass
        for end in (near, far):
            end.close()

    @staticmethod
    def _pass(source, target, seen):
        """All that is there now; one thread does both ways, since an SSL object is no place for two."""
        while True:
            try:
                piece = source.recv(65536)
            except ssl.SSLWantReadError:
                return
            if not piece:
                raise EOFError
            seen += piece
            target.setblocking(True)
            target.sendall(piece)
            target.setblocking(False)

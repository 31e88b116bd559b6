//! How does a port stay a server's own while nobody listens at it?

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// A port of this machine that nobody else gets, whether somebody listens at it or not. While nobody
/// does, connections are refused.
pub(crate) struct Port {
    /// It never listens. As it is bound all the time the port is not free for others.
    _holder: TcpSocket,
    address: SocketAddr,
}

impl Port {
    /// One that was free.
    pub(crate) fn free() -> Self {
        let holder = bound("127.0.0.1:0".parse().unwrap()).expect("a free port");
        let address = holder.local_addr().expect("an address");
        Self { _holder: holder, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody listens there until this is dropped.
    pub(crate) fn listen(&self) -> TcpListener {
        bound(self.address).and_then(|socket| socket.listen(1024)).expect("a port of our own")
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // So may all who set it, of the same user, to the port that they name.
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

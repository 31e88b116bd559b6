//! How can the world refuse connections and cut those that stand?

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::memory::Inner;
use crate::support::port::Port;

/// The door, which can be shut: then connections are refused.
pub(super) struct Door {
    pub(super) inner: Arc<Inner>,
    pub(super) port: Port,
    pub(super) listener: Option<TcpListener>,
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let mut up = self.inner.up.subscribe();
        loop {
            if !*up.borrow_and_update() {
                self.listener = None;
                self.inner.listening.send_replace(false);
                up.wait_for(|up| *up).await.expect("the world goes on");
                continue;
            }
            let listener = self.listener.get_or_insert_with(|| self.port.listen());
            self.inner.listening.send_replace(true);
            tokio::select! {
                (stream, peer) = listener.accept() => {
                    let cut = self.inner.cut.lock().unwrap().clone().cancelled_owned();
                    self.inner.change(|memory| memory.seen.connections += 1);
                    let cord = Cord::default();
                    return (Wire { stream, cord, cut: Box::pin(cut) }, peer);
                }
                _ = up.changed() => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.port.address())
    }
}

/// Pulled, it ends its connection.
#[derive(Clone, Default)]
pub(super) struct Cord {
    now: Arc<AtomicBool>,
    when_flushed: Arc<AtomicBool>,
}

impl Cord {
    /// Before another byte is written.
    pub(super) fn pull(&self) {
        self.now.store(true, Ordering::SeqCst);
    }

    /// When all is on its way that was written up to now.
    pub(super) fn pull_when_flushed(&self) {
        self.when_flushed.store(true, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Door>> for Cord {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().cord.clone()
    }
}

/// A connection that can be cut.
pub(super) struct Wire {
    stream: TcpStream,
    cord: Cord,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cord.now.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.cord.when_flushed.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

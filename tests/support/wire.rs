//! A client that sends bytes as they are, and reads what comes until the connection ends.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection whose every byte the test decides.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn says(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Whether the other side still takes bytes.
    pub(crate) async fn tries(&mut self, bytes: &str) -> bool {
        self.0.write_all(bytes.as_bytes()).await.is_ok()
    }

    /// Everything until the other side ends the connection, which it must do in an orderly way.
    pub(crate) async fn hears_all(&mut self) -> String {
        String::from_utf8(self.hears_bytes().await).unwrap()
    }

    /// The same, where it need not be text.
    pub(crate) async fn hears_bytes(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        self.0.read_to_end(&mut heard).await.unwrap();
        heard
    }

    /// One answer with a `content-length`; the connection goes on.
    pub(crate) async fn hears_one(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            bytes.push(self.0.read_u8().await.unwrap());
            let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.unwrap();
            return format!("{head}\r\n\r\n{}", String::from_utf8(body).unwrap());
        }
    }
}

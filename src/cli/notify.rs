//! Tells systemd that the gateway is ready, or stopping: `sd_notify(3)`, one datagram to a Unix socket.

use std::{io, os::unix::net::UnixDatagram};

#[cfg(target_os = "linux")]
use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};

/// It answers calls.
pub(super) const READY: &str = "READY=1";

/// It takes no more calls.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Says `state` to whoever started this process and wants to know; nothing happens if nobody does.
pub(super) fn say(state: &str) {
    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    let Ok(socket) = std::env::var("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(error.message = %error, "the service manager was not told");
    }
}

fn send(socket: &str, state: &str) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    match socket.strip_prefix('@') {
        // A name of Linux's own kind, which is no file.
        #[cfg(target_os = "linux")]
        Some(name) => from.send_to_addr(state.as_bytes(), &SocketAddr::from_abstract_name(name)?),
        _ => from.send_to(state.as_bytes(), socket),
    }
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_arrives_at_a_file_and_at_a_name() {
        let path = std::env::temp_dir().join(format!("notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let file = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), READY).unwrap();
        std::fs::remove_file(&path).unwrap();
        let name = format!("notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let named = UnixDatagram::bind_addr(&address).unwrap();
        send(&format!("@{name}"), STOPPING).unwrap();
        let mut bytes = [0; 32];
        assert_eq!(file.recv(&mut bytes).unwrap(), READY.len());
        assert_eq!(named.recv(&mut bytes).unwrap(), STOPPING.len());
        assert_eq!(&bytes[..STOPPING.len()], STOPPING.as_bytes());
    }
}

//! A server that keeps its allocator: `cargo run --example allocators_passing_down`.
//!
//! Whoever makes the server says where its memory comes from; the server hands that on to what it owns. So its memory can be
//! bounded, counted or failed apart from that of all the rest of the program, and its values are freed where they came from.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use allocator_api2_02::alloc::Allocator;
use allocator_api2_02::collections::TryReserveError;
use allocator_api2_02::vec::Vec;
use oomsweep::Sweep;
use oomsweep::heap::LimitAllocator;
use oomsweep::heap::adapt::Global;

const PEERS: [&str; 4] = ["first.example", "second.example", "third.example", "fourth.example"];

fn main() {
    let limited = LimitAllocator::new(Global, 600);
    let mut server = Server::new_in(&limited);
    for peer in PEERS {
        match server.add_connection(peer, 100) {
            Ok(()) => println!("{peer} is connected, and {} bytes are left", limited.left()),
            Err(_) => println!("{peer} was turned away, and {} connections stay", server.connections.len()),
        }
    }
    for connection in &mut server.connections {
        let peer = String::from_utf8_lossy(&connection.peer).into_owned();
        println!("{peer} sent 120 bytes, and {} of them were taken", connection.receive(&[7; 120]));
    }
    drop(server);
    println!("When the server is gone, {} bytes are in use.", limited.used());

    println!("\nAnd when memory runs out at any of its requests:\n");
    let report = Sweep::new("connects_four_peers").run_alloc(["server"], |[alloc]| {
        let mut server = Server::new_in(alloc);
        PEERS.iter().try_for_each(|peer| server.add_connection(peer, 100))
    });
    println!("{report}");
}

struct Server<A: Allocator + Copy> {
    alloc: A,
    connections: Vec<Connection<A>, A>,
}

struct Connection<A: Allocator> {
    peer: Vec<u8, A>,
    received: Vec<u8, A>,
}

impl<A: Allocator + Copy> Server<A> {
    /// A server that takes its memory, and that of its connections, from `alloc`. It asks for none yet.
    fn new_in(alloc: A) -> Server<A> {
        Server { alloc, connections: Vec::new_in(alloc) }
    }

    /// All or nothing: on an error the server is as it was.
    fn add_connection(&mut self, peer: &str, buffer: usize) -> Result<(), TryReserveError> {
        self.connections.try_reserve(1)?;
        let connection = Connection::new_in(peer, buffer, self.alloc)?;
        self.connections.push(connection);
        Ok(())
    }
}

impl<A: Allocator + Copy> Connection<A> {
    fn new_in(peer: &str, buffer: usize, alloc: A) -> Result<Connection<A>, TryReserveError> {
        let (mut name, mut received) = (Vec::new_in(alloc), Vec::new_in(alloc));
        name.try_reserve_exact(peer.len())?;
        name.extend_from_slice(peer.as_bytes());
        received.try_reserve_exact(buffer)?;
        Ok(Connection { peer: name, received })
    }

    /// Takes as many bytes as there is room for, and says how many that are. Asks for no memory.
    fn receive(&mut self, bytes: &[u8]) -> usize {
        let fit = bytes.len().min(self.received.capacity() - self.received.len());
        self.received.extend_from_slice(&bytes[..fit]);
        fit
    }
}

#[cfg(test)]
mod tests {
    use oomsweep::{TestAlloc, alloc_test};

    use super::*;

    #[alloc_test]
    fn connects_and_disconnects(alloc: TestAlloc) -> Result<(), TryReserveError> {
        let mut server = Server::new_in(alloc);
        PEERS.iter().try_for_each(|peer| server.add_connection(peer, 10))?;
        server.connections.truncate(1);
        assert_eq!(server.connections[0].peer.as_slice(), PEERS[0].as_bytes());
        Ok(())
    }

    #[test]
    fn a_refused_connection_leaves_the_others() {
        let limited = LimitAllocator::new(Global, 600);
        let mut server = Server::new_in(&limited);
        server.add_connection(PEERS[0], 100).unwrap();
        let used = limited.used();
        server.add_connection(PEERS[1], 500).unwrap_err();
        assert_eq!((server.connections.len(), limited.used()), (1, used));
    }
}

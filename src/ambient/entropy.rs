//! Where random bytes come from.

use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::{Zeroize as _, Zeroizing};

/// How many bytes are drawn from the operating system at a time: each draw of its own would be a system call, and a call
/// needs several.
const POOL: usize = 1024;

/// Bytes of the operating system's generator that are not handed out yet.
pub struct Pool {
    source: SystemRandom,
    bytes: Zeroizing<[u8; POOL]>,
    used: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool(…)")
    }
}

impl Pool {
    fn new() -> Self {
        Self { source: Entropy::generator(), bytes: Zeroizing::new([0; POOL]), used: POOL }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if bytes.len() > POOL / 4 {
            return self.source.fill(bytes).map_err(|_| EntropyError);
        }
        if self.used + bytes.len() > POOL {
            self.source.fill(self.bytes.as_mut_slice()).map_err(|_| EntropyError)?;
            self.used = 0;
        }
        let from = self.bytes.get_mut(self.used..self.used + bytes.len()).ok_or(EntropyError)?;
        bytes.copy_from_slice(from);
        from.zeroize();
        self.used += bytes.len();
        Ok(())
    }
}

/// The machine gave no random bytes. Nothing that needs them may go on.
#[derive(Debug, thiserror::Error)]
#[error("drawing random bytes")]
pub struct EntropyError;

/// Random bytes: the machine's, or a fixed sequence for tests.
#[derive(Clone)]
pub enum Entropy {
    /// The operating system's generator, drawn from in larger pieces. Bytes that were handed out are wiped.
    System(Arc<Mutex<Pool>>),
    /// SHA-256 of a seed and a counter: the same bytes in every run. For tests alone.
    Seeded(Arc<Mutex<(u64, u64)>>),
}

impl Entropy {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self::System(Arc::new(Mutex::new(Pool::new())))
    }

    /// The same source with a pool of its own, for another thread.
    #[must_use]
    pub fn on_this_worker(&self) -> Self {
        match self {
            Self::System(_) => Self::system(),
            Self::Seeded(_) => self.clone(),
        }
    }

    /// The operating system's generator, for a library that draws for itself.
    #[must_use]
    pub fn generator() -> SystemRandom {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the door to the machine's randomness"
        )]
        SystemRandom::new()
    }

    /// The same bytes in every run with this `seed`. For tests alone.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new((seed, 0))))
    }

    /// Draws `N` bytes.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn draw<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        match self {
            Self::System(pool) => pool.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes),
            Self::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(32) {
                    let mut input = [0; 16];
                    for (to, from) in input
                        .iter_mut()
                        .zip(state.0.to_be_bytes().into_iter().chain(state.1.to_be_bytes()))
                    {
                        *to = from;
                    }
                    let block = ring::digest::digest(&ring::digest::SHA256, &input);
                    for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
                        *to = *from;
                    }
                    state.1 = state.1.wrapping_add(1);
                }
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System(_) => "Entropy::System",
            Self::Seeded(_) => "Entropy::Seeded",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        let entropy = Entropy::system();
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            assert!(seen.insert(entropy.draw::<16>().unwrap()));
        }
        assert!(seen.insert(entropy.on_this_worker().draw().unwrap()));
    }

    #[test]
    fn bytes_that_were_handed_out_are_wiped() {
        let mut pool = Pool::new();
        let mut drawn = [0; 32];
        pool.fill(&mut drawn).unwrap();
        assert_ne!(drawn, [0; 32]);
        assert_eq!(pool.bytes[..32], [0; 32]);
        assert_ne!(pool.bytes[32..64], [0; 32]);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_in_every_run() {
        let draw = || Entropy::seeded(7).draw::<40>().unwrap();
        assert_eq!(draw(), draw());
    }
}

//! The `consentry` command.

/// A call makes some hundred short-lived allocations on the thread that answers it: `docs/decisions/0065-allocator.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    consentry::cli::run(std::env::args_os())
}

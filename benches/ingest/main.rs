//! How much does a kept promise cost? kabari beside a bare handler and the durable floor.
//!
//! `cargo bench --bench ingest` prints, turn by turn in one run, requests/s, p99 and server CPU per
//! request of
//! (a) a bare axum handler that reads the body and checks its HMAC,
//! (b) the same that also appends the body to a file and waits for a group `fdatasync`,
//! (c) `kabari serve` with 100 rules, of which one event in ten matches one, lanes paused,
//! at 64 connections and distinct bodies of 10 KB, the ratios c/a and c/b, and what kabari takes of
//! memory and disk. The requests are
//! signed before the clock starts. All three run as processes of their own, so that their CPU time
//! can be told from the sender's. `KABARI_BENCH_ROUNDS` and `KABARI_BENCH_REQUESTS` change the size.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measurement prints, measures real time and may fail"
)]

use std::time::Instant;

mod floor;
mod load;
mod server;

use load::{Batch, Measured};
use server::{Server, What};

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 64;
/// The secret that requests are signed with.
pub(crate) const SECRET: &str = "secret-of-the-ingest-benchmark";

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(which) = std::env::var(server::CHILD) {
        runtime.block_on(floor::serve(&which));
        return;
    }
    let rounds = number("KABARI_BENCH_ROUNDS", 5);
    let requests = number("KABARI_BENCH_REQUESTS", 30_000);
    let folder = tempfile::tempdir().unwrap();
    let servers = [What::Bare, What::Durable, What::Kabari];
    let start = |what: &What| runtime.block_on(Server::start(*what, folder.path()));
    let mut running: Vec<Server> = servers[..2].iter().map(start).collect();
    let begun = Instant::now();
    let kabari = start(&servers[2]);
    let (idle_mb, _) = kabari.memory_mb();
    runtime.block_on(load::run(&kabari, &Batch::signed(rounds + 1, 1)));
    let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
    running.push(kabari);

    println!("{requests} requests a round, {CONNECTIONS} connections, bodies of 10 KB");
    println!("{:<28}{:>12}{:>12}{:>16}", "", "requests/s", "p99 ms", "server CPU µs");
    let mut results: Vec<Vec<Measured>> = vec![Vec::new(); servers.len()];
    // Round 0 warms up: caches, connections, the first pages of each file.
    for round in 0..=rounds {
        let size = if round == 0 { requests / 10 } else { requests };
        let batch = Batch::signed(round, size);
        for (at, server) in running.iter().enumerate() {
            let measured = runtime.block_on(load::run(server, &batch));
            if 0 < round {
                print(&format!("{round} {}", servers[at].name()), &measured);
                results[at].push(measured);
            }
        }
    }
    let medians: Vec<Measured> = results.iter().map(|rounds| median(rounds)).collect();
    println!();
    for (what, measured) in servers.iter().zip(&medians) {
        print(&format!("median {}", what.name()), measured);
    }
    for (name, other) in [("c/a", &medians[0]), ("c/b", &medians[1])] {
        let kabari = &medians[2];
        println!(
            "{name:<28}{:>12.2}{:>12.2}{:>16.2}",
            kabari.rate / other.rate,
            kabari.p99_ms / other.p99_ms,
            kabari.cpu_us / other.cpu_us,
        );
    }
    let events = requests / 10 + rounds * requests;
    println!(
        "kabari: {first_ms:.0} ms to the first accepted request, {idle_mb:.1} MB idle, {:.1} MB at \
         most, {:.2} KB on disk per event",
        running[2].memory_mb().1,
        server::store_bytes(folder.path()) as f64 / 1000.0 / events as f64,
    );
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn print(name: &str, measured: &Measured) {
    let Measured { rate, p99_ms, cpu_us } = measured;
    println!("{name:<28}{rate:>12.0}{p99_ms:>12.2}{cpu_us:>16.1}");
}

/// The median of each figure by itself.
fn median(rounds: &[Measured]) -> Measured {
    let middle = |figure: fn(&Measured) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Measured {
        rate: middle(|measured| measured.rate),
        p99_ms: middle(|measured| measured.p99_ms),
        cpu_us: middle(|measured| measured.cpu_us),
    }
}

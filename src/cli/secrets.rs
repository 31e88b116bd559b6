//! `kabari secrets new [PRESET]`: what is a good secret for this sender?

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use ring::rand::{SecureRandom, SystemRandom};

use crate::sources;
use crate::verify::{Algorithm, Scheme};

/// How many random bytes are in a secret: as many as SHA-256 makes use of.
const BYTES: usize = 32;

/// Make secrets
#[derive(Debug, Args)]
pub(super) struct Secrets {
    #[command(subcommand)]
    command: SecretsCommand,
}

#[derive(Debug, Subcommand)]
enum SecretsCommand {
    /// Print a new secret; nothing is stored or changed
    New {
        /// The sender's preset, as `github`, for a secret of the form that it takes
        preset: Option<String>,
    },
}

impl Secrets {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let SecretsCommand::New { preset } = self.command;
        let mut random = [0; BYTES];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
        let Some(name) = preset else {
            anstream::println!("{}", hex::encode(random));
            return Ok(ExitCode::SUCCESS);
        };
        let row = sources::preset(&name).map_err(|fault| anyhow::anyhow!(fault.message))?;
        let row = row.with_context(|| {
            format!("there is no preset `{name}`; `kabari sources presets` lists them")
        })?;
        let verify = row.verify.as_ref().context("the preset does not say how it signs")?;
        if let Some(key) = &verify.public_key {
            print_pair(&random, key.algorithm)?;
        } else {
            let scheme = Scheme::build(verify).ok().context("the preset is broken")?.0;
            anstream::println!("{}", scheme.new_secret(&random).unwrap_or_default());
        }
        if let Some(place) = &row.secret_at {
            anstream::eprintln!("{}", format!("{name} has its secret at: {place}").dimmed());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A pair to try a source with: the sender's own private key is never to be had.
fn print_pair(random: &[u8], algorithm: Option<Algorithm>) -> anyhow::Result<()> {
    anyhow::ensure!(
        algorithm == Some(Algorithm::Ed25519),
        "this sender signs with a key of its own, of which you configure the public half. For a \
         pair to try it with: `openssl genpkey`"
    );
    let (private, public) = Scheme::new_pair(random).context("no pair could be made")?;
    anstream::println!("public   {public}");
    anstream::println!("private  {}", private.expose());
    anstream::eprintln!(
        "{}",
        "The sender has its own pair: configure its public key. This one is to try the source \
         with: `kabari trigger SOURCE KIND --key FILE`, the private half in FILE."
            .dimmed()
    );
    Ok(())
}

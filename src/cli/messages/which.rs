//! Which messages? The same words for every command.

use clap::Args;

use super::super::input::RuleFile;
use super::super::moment::Moment;
use crate::model::State;
use crate::render;
use crate::store::MessageFilter;

/// Which messages are meant.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Which {
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    pub(super) state: Option<State>,
    /// Only of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only to this number or group, as in a rule
    #[arg(long)]
    number: Option<String>,
    /// Only of this `WhatsApp` session
    #[arg(long)]
    instance: Option<String>,
    /// Only made since: 2h, 7d, 2026-03-01, or a time with its zone
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only made before, in the same forms
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
}

impl Which {
    /// Whether nothing was said.
    pub(super) fn is_everything(&self) -> bool {
        let Self { state, rule, source, number, instance, since, until } = self;
        let texts = [rule, source, number, instance];
        state.is_none() && texts.iter().all(|it| it.is_none()) && since.is_none() && until.is_none()
    }

    /// The same for the store.
    ///
    /// # Errors
    /// A number that is none.
    pub(in crate::cli) fn filter(self, rules: &RuleFile) -> anyhow::Result<MessageFilter> {
        let number = self.number.map(|written| whole_number(&written, rules)).transpose()?;
        Ok(MessageFilter {
            state: self.state,
            rule: self.rule,
            source: self.source,
            number,
            event: None,
            instance: self.instance,
            since: self.since.map(|it| it.0),
            until: self.until.map(|it| it.0),
            limit: None,
        })
    }
}

/// People ask for a number as they write it; in the store it stands as Wachat takes it.
fn whole_number(written: &str, rules: &RuleFile) -> anyhow::Result<String> {
    // Without a rule file that can be read, local numbers are not understood; others are.
    let country = rules.reach_quietly().country;
    let recipient =
        render::recipient(written, country).map_err(|why| anyhow::anyhow!("--number {why}"))?;
    Ok(recipient.expose().to_owned())
}

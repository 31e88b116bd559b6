//! Who takes a message to Wachat? The client, or in a rehearsal somebody who says what it would answer.

use async_trait::async_trait;

use crate::model::{Content, Recipient, Verdict};

use super::Client;

/// Takes messages to Wachat.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Sends one message and says what the answer, or its absence, means.
    ///
    /// Dropping the future in the middle leaves it unknown whether the message was sent.
    async fn send(&self, instance: &str, to: &Recipient, content: &Content) -> Verdict;
}

#[async_trait]
impl Carrier for Client {
    async fn send(&self, instance: &str, to: &Recipient, content: &Content) -> Verdict {
        Client::send(self, instance, to, content).await
    }
}

//! Stripe's `t=…,v1=…` over `{t}.{body}`.

/// Stripe's `Stripe-Signature`.
#[derive(Clone, Debug)]
pub struct StripeScheme;

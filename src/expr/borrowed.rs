//! How do minijinja's own filters (`map`, `sort`, `split`, …) get our values?

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Serde, Value as Jinja, ValueKind};
use minijinja::{Environment, UndefinedBehavior};

use super::EvalError;
use super::value::Val;

/// Only filters and tests are used of it; it has no templates.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(super::eval::STEPS_MAX.into()));
    environment
});

/// The result of minijinja's filter `name`.
pub(super) fn apply<'a>(
    name: &str,
    value: &Val<'a>,
    positional: &[Val<'a>],
    named: &[(&str, Val<'a>)],
) -> Result<Val<'a>, EvalError> {
    let mut arguments = vec![to_jinja(value)];
    arguments.extend(positional.iter().map(to_jinja));
    if !named.is_empty() {
        let named: Kwargs = named.iter().map(|(key, value)| (*key, to_jinja(value))).collect();
        arguments.push(named.into());
    }
    let result = ENVIRONMENT
        .empty_state()
        .apply_filter(name, &arguments)
        .map_err(|error| EvalError::Other(format!("{name}: {}", detail(&error))))?;
    from_jinja(&result, value.is_safe(), 0)
}

/// An error of minijinja in one line.
pub(super) fn detail(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

fn to_jinja(value: &Val<'_>) -> Jinja {
    match value {
        Val::Missing => Jinja::UNDEFINED,
        Val::Text { text, .. } => Jinja::from(text.as_ref()),
        other => Jinja::from(Serde(&other.to_json())),
    }
}

fn from_jinja<'a>(value: &Jinja, safe: bool, depth: usize) -> Result<Val<'a>, EvalError> {
    if depth > super::json::DEPTH_MAX {
        return Ok(Val::Missing);
    }
    let wrong = |error: minijinja::Error| EvalError::Other(detail(&error));
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Val::Missing,
        ValueKind::Bool => Val::Bool(value.is_true()),
        ValueKind::Number => Val::Number(Cow::Owned(number(value))),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter().map_err(wrong)? {
                items.push(from_jinja(&item, safe, depth + 1)?);
            }
            Val::List(Rc::new(items))
        }
        ValueKind::Map => {
            let mut entries = Vec::new();
            for key in value.try_iter().map_err(wrong)? {
                let item = value.get_item(&key).map_err(wrong)?;
                entries.push((Cow::Owned(key.to_string()), from_jinja(&item, safe, depth + 1)?));
            }
            Val::Map(Rc::new(entries))
        }
        _ => Val::text(value.to_string(), safe),
    })
}

/// `186332.0` is what floats print; nobody wrote that point.
fn number(value: &Jinja) -> String {
    let text = value.to_string();
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

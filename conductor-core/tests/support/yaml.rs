//! Reads YAML for tests, without the code under test.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Value, json};

/// Returns the document in the part of YAML that definitions need.
pub(crate) fn yaml(text: &str) -> Value {
    fn node<'i>(events: &mut impl Iterator<Item = Event<'i>>) -> Option<Value> {
        Some(match events.next().unwrap() {
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
            }
            Event::Scalar(text, ..) => json!(text),
            Event::SequenceStart(..) => {
                std::iter::from_fn(|| node(events)).collect::<Vec<_>>().into()
            }
            Event::MappingStart(..) => {
                let mut map = serde_json::Map::new();
                while let Some(key) = node(events) {
                    map.insert(key.as_str().unwrap().to_owned(), node(events).unwrap());
                }
                map.into()
            }
            Event::SequenceEnd | Event::MappingEnd => return None,
            _ => return node(events),
        })
    }
    node(&mut Parser::new_from_str(text).map(|event| event.unwrap().0)).unwrap()
}

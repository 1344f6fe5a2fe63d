//! The user and the group that a program runs as.

use std::fmt;
use std::str::FromStr;

use super::words::UserName;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type, written_as_text};

/// The highest id; the next number means "none".
const HIGHEST_ID: u64 = u32::MAX as u64 - 1;

text_type!(
    /// The name of a group, or a numeric group id.
    GroupName,
    check_group,
    "^([A-Za-z_][A-Za-z0-9_-]{0,30}|0|[1-9][0-9]{0,9})$",
    numbers: Numbers::Whole(0, HIGHEST_ID),
    "A group, by name or number."
);

fn check_group(text: &str) -> Result<(), Invalid> {
    // The rules are those for users.
    text.parse::<UserName>().map(drop).map_err(|_| {
        Invalid::new(format!("{} is not the name of a group", shown(text)))
            .hint("write a group's name, or a number")
    })
}

/// The user to run as, and the group if it is not the user's own: `app`, `1000:1000`, `app:staff`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User {
    name: UserName,
    group: Option<GroupName>,
}

impl User {
    /// Returns the user.
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Returns the group, if it is given.
    pub fn group(&self) -> Option<&GroupName> {
        self.group.as_ref()
    }

    /// Returns whether the user is root.
    pub fn is_root(&self) -> bool {
        ["root", "0"].contains(&self.name.as_str())
    }
}

impl From<UserName> for User {
    fn from(name: UserName) -> Self {
        Self { name, group: None }
    }
}

impl FromStr for User {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            None => Ok(text.parse::<UserName>()?.into()),
            Some((name, group)) => Ok(Self { name: name.parse()?, group: Some(group.parse()?) }),
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            None => self.name.fmt(f),
            Some(group) => f.pad(&format!("{}:{group}", self.name)),
        }
    }
}

written_as_text!(
    User,
    "^([A-Za-z_][A-Za-z0-9_-]{0,30}|0|[1-9][0-9]{0,9})(:([A-Za-z_][A-Za-z0-9_-]{0,30}|0|[1-9][0-9]{0,9}))?$",
    numbers: Numbers::Whole(0, HIGHEST_ID),
    "The user to run as, by name or number, and the group after a colon if it is not the user's own."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_with_and_without_a_group() {
        for text in ["app", "0", "1000:1000", "app:staff", "1000:www-data"] {
            assert_eq!(text.parse::<User>().unwrap().to_string(), text);
        }
        assert!("0:5".parse::<User>().unwrap().is_root());
        for bad in ["", ":", "app:", ":app", "a:b:c", "a b:c", "a:b c", "a:99999999999", "a:%n"] {
            assert!(bad.parse::<User>().is_err(), "{bad:?}");
        }
        let error = "app:a b".parse::<User>().unwrap_err();
        assert_eq!(error.message, "\"a b\" is not the name of a group");
    }
}

//! The ordinary user of the machine that the database runs as when we are root.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, User};

use crate::StartError;

/// A user who is not root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) name: String,
}

impl Account {
    /// `None` when we are an ordinary user ourselves. Else the owner of the existing cluster, or `postgres`, or
    /// `nobody`.
    pub(crate) fn choose(data: &Path) -> Result<Option<Self>, StartError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        if let Ok(meta) = data.metadata()
            && meta.uid() != 0
        {
            let name = User::from_uid(Uid::from_raw(meta.uid())).ok().flatten().map(|user| user.name);
            let name = name.unwrap_or_else(|| meta.uid().to_string());
            return Ok(Some(Self { uid: meta.uid(), gid: meta.gid(), name }));
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name }))
            .ok_or(StartError::NoOrdinaryUser)
    }

    /// Gives a file or folder to the user.
    pub(crate) fn give(&self, path: &Path) -> Result<(), StartError> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).map_err(StartError::files(path))
    }

    /// Whether the user may pass through every existing folder on the way to `path`, by the permission bits.
    pub(crate) fn can_reach(&self, path: &Path) -> bool {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut folders: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
        folders.reverse();
        for folder in folders {
            let Ok(meta) = folder.metadata() else { break };
            let bit = if meta.uid() == self.uid {
                0o100
            } else if meta.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if meta.mode() & bit == 0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_closed_folder_on_the_way_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let stranger = Account { uid: 4_000_001, gid: 4_000_001, name: "stranger".to_owned() };
        let set = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o700);
        assert!(!stranger.can_reach(&inner));
        set(0o711);
        assert!(stranger.can_reach(&inner));
        assert!(stranger.can_reach(&inner.join("not/yet/there")));
    }
}

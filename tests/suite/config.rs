//! Does every good rule file load, and does every bad one say what is wrong with it?

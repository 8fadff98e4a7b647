//! Named, versioned, staged models with metadata in SQL and artifacts in a folder.

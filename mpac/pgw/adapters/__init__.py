"""Outside parties behind one port. Nothing in here touches the database."""

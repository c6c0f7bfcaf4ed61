"""Write stems: their names, their files and the record of how they were made."""

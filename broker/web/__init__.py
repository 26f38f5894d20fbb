"""What people see: templates, texts in both languages, and how amounts and dates are written. Knows no HTTP."""

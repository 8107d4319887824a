"""The store: tables, transactions, and one repository for each noun."""

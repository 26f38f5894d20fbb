"""The pretend sites' downloads: the files a citizen would get there, written without a look at who reads them."""

//! What will the customer see? WhatsApp markup as HTML, or for a terminal.

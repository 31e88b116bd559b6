//! Is exactly the documented request sent, and every answer read rightly?

UPDATE stock SET missing_at = 0 WHERE missed > 0 AND missing_at IS NULL;

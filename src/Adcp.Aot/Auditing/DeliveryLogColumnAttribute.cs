namespace Adcp.Aot.Auditing;

/// <summary>
/// Maps one field of an attempt, or a value computed from it, to a column of a generated delivery log (a member of the
/// object where the log is JSON or structured logging).
/// </summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class DeliveryLogColumnAttribute : Attribute
{
    /// <summary>Keeps a field under its own name, for the sake of the options below.</summary>
    /// <param name="field">The field.</param>
    public DeliveryLogColumnAttribute(AttemptField field) => Field = field;

    /// <summary>Keeps a field under another name.</summary>
    /// <param name="field">The field.</param>
    /// <param name="name">The column.</param>
    public DeliveryLogColumnAttribute(AttemptField field, string name)
    {
        Field = field;
        Name = name;
    }

    /// <summary>Adds a column whose value a method of the class computes from the attempt, such as the tenant of its destination.</summary>
    /// <param name="name">The column.</param>
    /// <param name="member">
    /// A method of the class, static or not, that takes one <see cref="DeliveryAttempt"/> and returns a string, an
    /// integer, a <see cref="double"/>, a <see cref="decimal"/>, a <see cref="bool"/>, a <see cref="Guid"/> or a
    /// <see cref="DateTimeOffset"/>, or null.
    /// </param>
    public DeliveryLogColumnAttribute(string name, string member)
    {
        Name = name;
        Member = member;
    }

    /// <summary>The field; null for a computed column.</summary>
    public AttemptField? Field { get; }

    /// <summary>The column; null for the field's name in snake_case.</summary>
    public string? Name { get; }

    /// <summary>The method that computes the value; null for a field.</summary>
    public string? Member { get; }

    /// <summary>The most UTF-16 units of a text; longer ones are cut, never within a surrogate pair. Default 0, no bound.</summary>
    public int MaxLength { get; set; }

    /// <summary>How a text is hidden. Default not at all.</summary>
    public Redaction Redaction { get; set; }

    /// <summary>What the column holds. Default what the field or member suggests.</summary>
    public ColumnType Type { get; set; }
}

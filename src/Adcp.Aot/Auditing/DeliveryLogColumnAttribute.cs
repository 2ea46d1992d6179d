namespace Adcp.Aot.Auditing;

/// <summary>
/// Maps one field of an attempt, or a value computed from it, to a column of a generated delivery log. If the log is
/// JSON or structured logging, the column is a member of the object.
/// </summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class DeliveryLogColumnAttribute : Attribute
{
    /// <summary>Keeps a field under its own name, with the options below.</summary>
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

    /// <summary>
    /// The maximum length of a text in UTF-16 units. A longer one is cut, never within a surrogate pair. Default 0, no
    /// bound.
    /// </summary>
    public int MaxLength { get; set; }

    /// <summary>The way in which a text is hidden. Default: not hidden.</summary>
    public Redaction Redaction { get; set; }

    /// <summary>The type of the column. Default: the type of the field or member.</summary>
    public ColumnType Type { get; set; }
}
